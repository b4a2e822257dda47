/** Where this machine's apt gets Debian from. */

/** What `apt-get indextargets --format` is asked for: each line an address, a component and who publishes it. */
export const MIRROR_FORMAT = '$(REPO_URI) $(COMPONENT) $(CODENAME) $(CREATED_BY)';

/**
 * The address that the packages of this release come from, without the last slash.
 * @param text one source a line, as apt prints it for {@link MIRROR_FORMAT}
 * @param codename the machine's release, as in /etc/os-release
 * @throws Error when no source has this release's main component
 */
export function findMirror(text: string, codename: string): string {
  for (const line of text.split('\n')) {
    const [address = '', component, name] = line.split(' ');
    // Updates and security have names of their own: bookworm-updates, bookworm-security.
    if (component === 'main' && name === codename) return address.replace(/\/$/, '');
  }
  throw new Error(
    `apt has no source for ${codename} main; add one to /etc/apt, and run apt-get update.`,
  );
}

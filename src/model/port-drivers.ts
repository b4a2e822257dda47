/** Names of the port drivers of rootless engines: they hand bytes to another namespace over sockets or devices of their own. */

/** With the endings that some have: `pasta.avx2` for a processor, `rootlessport-ch` for a child, cut by the kernel. */
const NAMES = /^(rootlesskit|rootlessport|slirp4netns|pasta|passt)([.-].*)?$/;

export function isPortDriver({ command }: { readonly command: string }): boolean {
  return NAMES.test(command);
}

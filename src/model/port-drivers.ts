/** Recognises port drivers of rootless engines, which relay bytes into another namespace by own sockets or devices. */

/** Some have suffixes: `pasta.avx2` for a processor, `rootlessport-ch` for a child (truncated by the kernel). */
const NAMES = /^(rootlesskit|rootlessport|slirp4netns|pasta|passt)([.-].*)?$/;

export function isPortDriver({ command }: { readonly command: string }): boolean {
  return NAMES.test(command);
}

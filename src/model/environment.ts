/** What programs that we start get of the caller's environment: nothing that loads code or settings into them. */

/** Where the system keeps its programs. */
const SYSTEM_FOLDERS = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/** Folders to look for programs in. As root the system's come first, so that nobody else's program takes their place. */
export function searchFolders(path: string | undefined, root: boolean): string[] {
  // A relative folder would be one of wherever the caller happens to stand.
  const own = (path ?? '').split(':').filter((folder) => folder.startsWith('/'));
  return [...new Set(root ? [...SYSTEM_FOLDERS, ...own] : [...own, ...SYSTEM_FOLDERS])];
}

/** The whole environment of a program that we start. English, since failures are recognised by their words. */
export function cleanEnvironment(
  path: string | undefined,
  root: boolean,
): { PATH: string; LC_ALL: string } {
  return { PATH: searchFolders(path, root).join(':'), LC_ALL: 'C' };
}

/** Builds the environment of the programs that we start, without variables that load code or settings into them. */

/** Where the system keeps its programs. */
const SYSTEM_FOLDERS = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/** Lists the folders to search for programs. For root, system folders come first, so that no other program wins. */
export function searchFolders(path: string | undefined, root: boolean): string[] {
  // A relative folder would depend on the caller's working directory.
  const own = (path ?? '').split(':').filter((folder) => folder.startsWith('/'));
  return [...new Set(root ? [...SYSTEM_FOLDERS, ...own] : [...own, ...SYSTEM_FOLDERS])];
}

/** The whole environment of a program that we start. The locale is C, because failures are recognised by their text. */
export function cleanEnvironment(
  path: string | undefined,
  root: boolean,
): { PATH: string; LC_ALL: string } {
  return { PATH: searchFolders(path, root).join(':'), LC_ALL: 'C' };
}

/** Milliseconds for `bpftrace --version`: a few are usual, an emulated machine takes seconds. */
export const VERSION_PATIENCE = 30_000;

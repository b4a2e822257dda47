/** Reads from /proc whether a process has a netlink socket that listens to nftables traces, and what waits there. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** NETLINK_NETFILTER (include/uapi/linux/netlink.h). */
const NETFILTER = 12;
/** The bit of NFNLGRP_NFTRACE, the ninth group (include/uapi/linux/netfilter/nfnetlink.h). */
const TRACE_GROUP = 0x100;

export interface TraceSocket {
  /** Bytes that the process has not read yet. */
  readonly waiting: number;
  /** Messages that the kernel had no room for. */
  readonly dropped: number;
}

/** Finds the socket in the text of /proc/PID/net/netlink; `inodes` are the process's own sockets. */
export function findTraceSocket(text: string, inodes: ReadonlySet<string>): TraceSocket | null {
  for (const line of text.split('\n').slice(1)) {
    const [, protocol, , groups = '', waiting, , , , dropped, inode = ''] = line
      .trim()
      .split(/\s+/);
    if (Number(protocol) !== NETFILTER || !inodes.has(inode)) continue;
    if ((parseInt(groups, 16) & TRACE_GROUP) === 0) continue;
    return { waiting: Number(waiting), dropped: Number(dropped) };
  }
  return null;
}

/** The trace socket of a process; null while it has none, or when the process is gone. */
export async function readTraceSocket(pid: number): Promise<TraceSocket | null> {
  try {
    const folder = `/proc/${pid}/fd`;
    const links = await Promise.all(
      (await readdir(folder)).map(async (name) => readlink(`${folder}/${name}`).catch(() => '')),
    );
    const inodes = links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
    return findTraceSocket(await readFile(`/proc/${pid}/net/netlink`, 'utf8'), new Set(inodes));
  } catch {
    return null;
  }
}

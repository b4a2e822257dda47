/** Lines that bpftrace 0.17 printed on kernel 6.18: redirects by iptables, docker-proxy, a drop, in a namespace of its own. */

export const BEGIN = 'B 5b05ee00000';
const COMMAND_PROXY = String.raw`docker-proxy\x00\x00\x00\x00`;
export const COMMAND_NODE = String.raw`node\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00`;
export const LINES = {
  bare: 'P out 5b05f7aa981 effffff9 1 ffff8881689e88e0 ffff88810321dc80 6 4 100007f 0 caa2 100007f 0 a70b 3ef0d8fd 0 2 0',
  conntrack:
    'P in 5b05fec7af8 f0000151 1 ffff8881341688e0 0 6 4 100007f 0 8c36 100007f 0 5ba0 93415669 0 2 0 ffff888167f71200 1a8 100007f 0 0 0 8c36 100007f 0 0 0 1f90 100007f 0 0 0 5ba0 100007f 0 0 0 8c36',
  drop: 'D 5b06086608e f0000151 1 ffff8881341698e0 0 6 4 100007f 0 c99e 100007f 0 1f92 5f46eb41 0 2 0 10000 c ffff888167f71a00 188 100007f 0 0 0 c99e 100007f 0 0 0 1f92 100007f 0 0 0 1f92 100007f 0 0 0 c99e nft_do_chain',
  bareDrop:
    'D 5b05fd6b761 effffff9 1 ffff8881689e8ee0 0 6 4 100007f 0 eac6 100007f 0 9675 749b2980 0 2 0 10000 3 tcp_v4_rcv',
  reset:
    'R 5b05fd67182 effffff9 1 ffff8881689e8ee0 0 6 4 100007f 0 eac6 100007f 0 9675 749b2980 0 2 0',
  state: `S 5b05feb2735 f0000151 1c2 1c2 7 ffff888132b365c0 0 0 ffff0000 100007f 0 0 0 ffff0000 100007f 1f90 2 ${COMMAND_NODE}`,
  closed: `Z 5b0637f4ad0 f0000311 2575 2575 5 ffff888102c3ae40 0 0 ffff0000 26433c6 deea 0 0 ffff0000 16433c6 1f90 e 0 10 8 1 6 4 0 ${COMMAND_NODE}`,
  accept: `A 5b060592983 f0000151 1d4 1d7 3 ffff888132b34a00 0 0 ffff0000 100007f 1f91 0 0 ffff0000 100007f ecfc ${COMMAND_PROXY}`,
  accept6: `A 5b05fff65d0 effffff9 7a33 7a33 15 ffff8881342c30c0 0 0 0 1000000 5ba0 0 0 0 1000000 86c0 ${COMMAND_NODE}`,
  move: `M 5b0606a5012 1d4 1d9 b 5 5 5 1 ffff888132b34a00 0 0 ffff0000 100007f 1f91 0 0 ffff0000 100007f ecfc ffff888132b36f00 0 0 ffff0000 100007f bb38 0 0 ffff0000 100007f 5ba0 ${COMMAND_PROXY}`,
  write: `Y w 5b05ffe0a73 f0000151 1c2 1c2 16 5 5 1 1 7ffe1c2d3e40 9c1fe2a7 0 1 ffff888132b365c0 0 0 ffff0000 100007f 8c36 0 0 ffff0000 100007f 1f90 ${COMMAND_NODE}`,
  read: `Y r 5b06000bc44 f0000151 1c2 1c2 16 5 5 1 1 7ffe1c2d3e40 9c1fe2a7 0 1 ffff888132b365c0 0 0 ffff0000 100007f 8c36 0 0 ffff0000 100007f 1f90 ${COMMAND_NODE}`,
  retransmit: String.raw`T 5b09c260162 f0000151 0 0 2 ffff888132b365c0 0 0 ffff0000 100007f c99e 0 0 ffff0000 100007f 1f92 swapper/1\x00\x00\x00\x00\x00\x00\x00`,
} as const;

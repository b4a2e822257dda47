/** The schema of programs of BPF that decide about packets besides the rules: on devices by tcx, and on control groups. */
import { z } from 'zod';

/** Points of a control group at which a program may change or stop a connection. */
export const GROUP_POINTS = [
  ...(['ingress', 'egress', 'sock_create', 'connect4', 'connect6'] as const),
  ...(['sendmsg4', 'sendmsg6', 'recvmsg4', 'recvmsg6'] as const),
] as const;
export type GroupPoint = (typeof GROUP_POINTS)[number];

const deviceProgram = z.object({ device: z.string(), direction: z.enum(['ingress', 'egress']) });
export type DeviceProgram = z.infer<typeof deviceProgram>;

const groupPrograms = z.object({
  /** Path of the control group below the mount of cgroup2. */
  group: z.string(),
  /** Programs of the group itself and of those above it. */
  points: z.array(z.enum(GROUP_POINTS)),
  /** Processes of the namespace that are in the group. */
  pids: z.array(z.number()),
  /** Whether clients of the namespace are taken to be in it. */
  clients: z.boolean(),
});
export type GroupPrograms = z.infer<typeof groupPrograms>;

export const bpfProgramsSchema = z.object({
  /** Null where they could not be asked for. */
  devices: z.array(deviceProgram).nullable(),
  /** Only groups that have such programs; null where they could not be asked for. */
  groups: z.array(groupPrograms).nullable(),
});
export type BpfPrograms = z.infer<typeof bpfProgramsSchema>;

/** Which engine runs a container, and for whom: decides the commands that a remedy names. */
import { z } from 'zod';

const ENGINES = ['docker', 'podman', 'containerd', 'cri-o', 'unknown'] as const;

/** Both are left out of containers of the machine's own Docker Engine, and of documents of older versions. */
export const runtimeFields = {
  /** `unknown` where only rules or devices reveal the container. */
  engine: z.enum(ENGINES).exactOptional(),
  /** Uid of the user whose own engine runs it; left out for root's. */
  user: z.number().int().positive().exactOptional(),
};

export interface Runtime {
  readonly engine?: (typeof ENGINES)[number];
  readonly user?: number;
}

/** These fields of a container, without those that are left out. */
export function runtimeOf({ engine, user }: Runtime): Runtime {
  return { ...(engine && engine !== 'docker' && { engine }), ...(user && { user }) };
}

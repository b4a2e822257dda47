/** The schemas of a host's topology: topology.ts infers its types from them, and recordings are read through them. */
import { z } from 'zod';
import {
  addressSchema,
  endpointSchema,
  networkSchema,
  portSchema,
  protocolSchema,
} from './address-schemas.js';
import { TUNNELS } from './kernel-names.js';
import { runtimeFields } from './runtime.js';

export const deviceSchema = z.object({
  ifindex: z.number().int(),
  name: z.string(),
  kind: z.enum(['loopback', 'bridge', 'veth', 'other']),
  /** Canonical addresses with prefix length, e.g. `172.17.0.1/16`. */
  addresses: z.array(networkSchema),
  /** ifindex of the bridge that this device is a port of. */
  master: z.number().int().nullable(),
  /** For a veth: ifindex of the other end, and the inode of the namespace that it is in, if found. */
  peerIfindex: z.number().int().nullable(),
  peerNamespace: z.number().int().nullable(),
  /** A process makes its frames: a device of a virtual machine, a VPN or a rootless engine's port driver. */
  tap: z.literal(true).exactOptional(),
  /** The tunnel that it encapsulates frames or packets into; left out for every other device. */
  tunnel: z
    .object({
      kind: z.enum(TUNNELS),
      /** VXLAN's and Geneve's network, GRE's key; null without one. */
      id: z.number().int().nullable(),
    })
    .exactOptional(),
});

export const namespaceSchema = z.object({
  inode: z.number().int(),
  /** `host`, the container's name, the name under /run/netns, or `netns-INODE`. Unique in a topology. */
  name: z.string(),
  role: z.enum(['host', 'container', 'other']),
  devices: z.array(deviceSchema),
});

export const publishedSchema = z.object({
  protocol: protocolSchema,
  /** Address that the port is published on: 0.0.0.0, ::, or one address. */
  hostAddress: addressSchema,
  hostPort: portSchema,
  containerPort: portSchema,
});

export const containerSchema = z.object({
  id: z.string(),
  name: z.string(),
  /** Pid of its first process; 0 when it is not running. */
  pid: z.number().int(),
  /** Inode of its network namespace; null when it could not be read. */
  namespace: z.number().int().nullable(),
  /** `bridge`, `host`, `none`, `container:…` or a network's name. */
  networkMode: z.string(),
  networks: z.array(
    z.object({
      name: z.string(),
      bridge: z.string().nullable(),
      addresses: z.array(addressSchema),
      gateway: addressSchema.nullable(),
    }),
  ),
  published: z.array(publishedSchema),
  /** The pod that it is in: Podman's name, or `NAMESPACE/NAME` of Kubernetes. */
  pod: z.string().exactOptional(),
  /** It holds the namespaces of a pod and runs nothing else. */
  infra: z.literal(true).exactOptional(),
  /** Project and service of Docker Compose. */
  compose: z.object({ project: z.string(), service: z.string() }).exactOptional(),
  ...runtimeFields,
});

/** A process that listens on a published port and relays the bytes: docker-proxy, known by its arguments. */
export const relaySchema = z.object({
  pid: z.number().int(),
  command: z.string(),
  arguments: z.array(z.string()),
  protocol: protocolSchema,
  listens: endpointSchema,
  /** Null for a relay whose target its arguments do not say. */
  target: endpointSchema.nullable(),
  /** Inode of its network namespace, where that is not the host's: a rootless engine's own. */
  namespace: z.number().int().exactOptional(),
});

/** A process of the host that listens for a rootless engine and relays the bytes into another namespace. */
export const driverSchema = z.object({
  pid: z.number().int(),
  command: z.string(),
  /** Inodes of the namespaces that it leads to; empty where that could not be found. */
  namespaces: z.array(z.number().int()),
  /** Which port leads to which, by its arguments; empty where they do not say. */
  ports: z.array(
    z.object({ protocol: protocolSchema, hostPort: portSchema, containerPort: portSchema }),
  ),
});

export const listenerSchema = z.object({
  namespace: z.number().int(),
  protocol: protocolSchema,
  local: endpointSchema,
  /** Null where the owner could not be found. */
  pid: z.number().int().nullable(),
  command: z.string().nullable(),
  /** Name of the container whose process it is, where several share the namespace or it is the host's. */
  container: z.string().exactOptional(),
});

/** An engine that is not the one that answered first. */
export const otherEngineSchema = z.object({
  product: z.enum(['docker', 'podman', 'containerd', 'cri-o']),
  /** Null where only its processes are seen. */
  version: z.string().nullable(),
  /** Its socket; null where it has none, or none that answers. */
  address: z.string().nullable(),
  /** How many of its containers run. */
  containers: z.number().int(),
  /** Uid of the user whose own engine it is, where only its processes are seen; left out for root's. */
  user: runtimeFields.user,
});

export const topologySchema = z.object({
  /** Inode of the Docker host's network namespace. */
  host: z.number().int(),
  namespaces: z.array(namespaceSchema),
  containers: z.array(containerSchema),
  relays: z.array(relaySchema),
  listeners: z.array(listenerSchema),
  /** Whether listeners were looked for, so that an empty list means that nobody listens. Left out where not known. */
  listened: z.boolean().exactOptional(),
  /** Inodes of namespaces whose listeners could not be looked up in time and are unknown. */
  unheard: z.array(z.number().int()).exactOptional(),
  /** The only ports whose listeners are known; left out where all are. */
  heard: z.array(portSchema).exactOptional(),
  engine: z
    .object({
      version: z.string(),
      /** The engine that answers; Podman also offers Docker's API. */
      product: z.enum(['docker', 'podman']).exactOptional(),
      /** Its socket's path, or host and port. */
      address: z.string().exactOptional(),
    })
    .nullable(),
  /** Port drivers of rootless engines; left out where there is none. */
  drivers: z.array(driverSchema).exactOptional(),
  /** Engines of the host beside `engine`, and those of which only containers are seen. */
  others: z.array(otherEngineSchema).exactOptional(),
  /** What could not be read and why, one sentence each, with the remedy. */
  problems: z.array(z.string()),
});

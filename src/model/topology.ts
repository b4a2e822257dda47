/** Names for what a trace sees: namespaces, devices, containers, relays and listeners of one host. */
import type { Endpoint } from './address.js';
import type { Protocol } from './event.js';

export interface Device {
  readonly ifindex: number;
  readonly name: string;
  readonly kind: 'loopback' | 'bridge' | 'veth' | 'other';
  /** Canonical addresses with prefix length, e.g. `172.17.0.1/16`. */
  readonly addresses: readonly string[];
  /** ifindex of the bridge that this device is a port of. */
  readonly master: number | null;
  /** For a veth: ifindex of the other end, and the inode of the namespace that it is in, if found. */
  readonly peerIfindex: number | null;
  readonly peerNamespace: number | null;
}

export interface NamespaceInfo {
  readonly inode: number;
  /** `host`, the container's name, the name under /run/netns, or `netns-INODE`. Unique in a topology. */
  readonly name: string;
  readonly role: 'host' | 'container' | 'other';
  readonly devices: readonly Device[];
}

export interface PublishedPort {
  readonly protocol: Protocol;
  /** Address that the port is published on: 0.0.0.0, ::, or one address. */
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

export interface Container {
  readonly id: string;
  readonly name: string;
  /** Pid of its first process; 0 when it is not running. */
  readonly pid: number;
  /** Inode of its network namespace; null when it could not be read. */
  readonly namespace: number | null;
  /** `bridge`, `host`, `none`, `container:…` or a network's name. */
  readonly networkMode: string;
  readonly networks: readonly {
    readonly name: string;
    readonly bridge: string | null;
    readonly addresses: readonly string[];
    readonly gateway: string | null;
  }[];
  readonly published: readonly PublishedPort[];
}

/** A process that listens on a published port to hand the bytes on: docker-proxy, seen by its arguments. */
export interface RelayProcess {
  readonly pid: number;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly protocol: Protocol;
  readonly listens: Endpoint;
  /** Null for a relay whose target its arguments do not say. */
  readonly target: Endpoint | null;
}

export interface Listener {
  readonly namespace: number;
  readonly protocol: Protocol;
  readonly local: Endpoint;
  /** Null where the owner could not be found. */
  readonly pid: number | null;
  readonly command: string | null;
}

export interface Engine {
  readonly version: string;
  /** Whose engine answers; Podman's has Docker's API. */
  readonly product?: 'docker' | 'podman';
  /** Its socket's path, or host and port. */
  readonly address?: string;
}

export interface Topology {
  /** Inode of the Docker host's network namespace. */
  readonly host: number;
  readonly namespaces: readonly NamespaceInfo[];
  readonly containers: readonly Container[];
  readonly relays: readonly RelayProcess[];
  readonly listeners: readonly Listener[];
  /** Inodes of namespaces whose listeners could not be looked up in time: nobody knows who listens there. */
  readonly unheard?: readonly number[];
  /** The only ports whose listeners are known; left out where all are. */
  readonly heard?: readonly number[];
  readonly engine: Engine | null;
  /** What could not be read and why, one sentence each, with the remedy. */
  readonly problems: readonly string[];
}

/** What only a capture shows of a packet, which in turn lacks the kernel's views (skb, conntrack, socket). */
export interface WireFacts {
  /** Number of the conversation that the packet belongs to. */
  readonly conversation: number;
  /** Index of the file that it was read from. */
  readonly file: number;
  /** False when the capture does not say whether the packet left or came in. */
  readonly directed: boolean;
  readonly ttl: number;
  /** IPv4 identification; null in IPv6. */
  readonly ipId: number | null;
  /** TCP timestamp value; null without the option. */
  readonly timestamp: number | null;
  /** Hash of the payload; null when there is none, or when the capture cut it off. */
  readonly digest: number | null;
  /** Hardware address of the sender, `02:42:ac:11:00:02`; null where the link layer has none. */
  readonly hardware: string | null;
}

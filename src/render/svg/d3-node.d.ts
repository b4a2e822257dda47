/** The little of d3-node that is used; the package has no types of its own. */
declare module 'd3-node' {
  export interface Selection {
    append(name: string): Selection;
    attr(name: string, value: string | number): Selection;
    text(value: string): Selection;
    node(): object | null;
  }
  export class D3Node {
    readonly window: {
      readonly XMLSerializer: new () => { serializeToString(node: object): string };
      close(): void;
    };
    createSVG(width?: number, height?: number, attributes?: Record<string, string>): Selection;
  }
}

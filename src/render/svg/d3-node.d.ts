/** Declares the few parts of d3-node that are used; the package has no types of its own. */
declare module 'd3-node' {
  export interface Selection {
    append(name: string): Selection;
    attr(name: string, value: string | number): Selection;
    text(value: string): Selection;
    node(): object | null;
  }
  export interface ParsedElement {
    readonly tagName: string;
    getAttributeNames(): string[];
    getAttribute(name: string): string | null;
  }
  export class D3Node {
    readonly window: {
      readonly XMLSerializer: new () => { serializeToString(node: object): string };
      readonly DOMParser: new () => {
        parseFromString(
          text: string,
          type: 'application/xml',
        ): {
          readonly documentElement: ParsedElement;
          querySelectorAll(selector: string): Iterable<ParsedElement>;
        };
      };
      close(): void;
    };
    createSVG(width?: number, height?: number, attributes?: Record<string, string>): Selection;
  }
}

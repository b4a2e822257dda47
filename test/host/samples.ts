/** The recorded answers in test/host/fixtures: Docker 20.10 and iproute2 6.1 in the lab, Podman 4.3 beside it. */
import { readFileSync } from 'node:fs';

export interface EngineSample {
  version: unknown;
  networks: unknown;
  list: unknown;
  inspect: Record<string, unknown>;
}

export function readSample(name: string): string {
  // Compiled tests run from dist/test/host.
  return readFileSync(new URL(`../../../test/host/fixtures/${name}`, import.meta.url), 'utf8');
}

export function readEngineSample(name: 'docker-20.10' | 'podman-4.3'): EngineSample {
  return JSON.parse(readSample(`${name}.json`)) as EngineSample;
}

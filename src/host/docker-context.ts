/** Finds which engine the docker command would talk to without DOCKER_HOST: the current context of the same user. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** Docker's client settings are a few lines; anything larger is no such file. */
const MOST = 1_048_576;

const configSchema = z.object({ currentContext: z.string().optional() });
const metaSchema = z.object({
  Name: z.string(),
  Endpoints: z.object({ docker: z.object({ Host: z.string() }) }),
});

export interface DockerContext {
  readonly name: string;
  /** As in DOCKER_HOST. */
  readonly host: string;
}

/** A file's text; null when it is no ordinary file or cannot be read. */
export type ReadText = (path: string) => string | null;

/**
 * The context that DOCKER_CONTEXT or the user's settings name; null for the default one. Of a context only its name and
 * its engine's address are read. Behind sudo these are the settings of the user who runs this, as for `sudo docker`.
 */
export function findContext(
  env: NodeJS.ProcessEnv,
  readText: ReadText = readOrdinary,
): DockerContext | null {
  const folder = env['DOCKER_CONFIG'] || join(env['HOME'] || '/', '.docker');
  const name = env['DOCKER_CONTEXT'] || readCurrent(readText(join(folder, 'config.json')));
  if (name === null || name === '' || name === 'default') return null;
  const id = createHash('sha256').update(name).digest('hex');
  const meta = metaSchema.safeParse(
    parse(readText(join(folder, 'contexts', 'meta', id, 'meta.json'))),
  );
  return meta.success ? { name, host: meta.data.Endpoints.docker.Host } : null;
}

function readCurrent(text: string | null): string | null {
  const config = configSchema.safeParse(parse(text));
  return config.success ? (config.data.currentContext ?? null) : null;
}

function parse(text: string | null): unknown {
  try {
    return text === null ? null : (JSON.parse(text) as unknown);
  } catch {
    return null;
  }
}

function readOrdinary(path: string): string | null {
  try {
    const file = statSync(path);
    return file.isFile() && file.size <= MOST ? readFileSync(path, 'utf8') : null;
  } catch {
    return null;
  }
}

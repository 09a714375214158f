/**
 * The parts of the bundle that are the program: modules that require each other, each compiled when it is first asked
 * for.
 */
import path from 'node:path';
import { compileFunction } from 'node:vm';
import { openParts } from './bundle-parts.ts';

/** How modules name each other. */
const MODULE = './';
/** How they name a part that is no module: they get it as a Buffer. */
const OTHER_PART = 'part:';

/** What Node.js gives a CommonJS module. */
const GIVEN = ['exports', 'require', 'module', '__filename', '__dirname'];

interface Module {
  exports: unknown;
}

type Require = (name: string) => unknown;

/**
 * Opens the modules of the bundle. Its file stays open: an agent must not find modules of another version after it has
 * been replaced.
 * @param requireOther for what is not in the bundle: Node.js's own modules.
 */
export function openModules(
  bundle: string,
  requireOther: Require,
): { names: string[]; load(name: string): unknown; close(): void } {
  const parts = openParts(bundle);
  const modules = new Set(parts.names.filter((name) => name.startsWith(MODULE)));
  const loaded = new Map<string, Module>();

  function load(name: string): unknown {
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;
    if (name.startsWith(OTHER_PART)) return parts.read(name.slice(OTHER_PART.length));
    if (!modules.has(name)) return requireOther(name);
    const module: Module = { exports: {} };
    // Before it runs: modules may need each other.
    loaded.set(name, module);
    try {
      compileModule(name.slice(MODULE.length), { bundle, text: parts.read(name) })(module, load);
    } catch (error) {
      // As in Node.js: who asks again gets the error again, and not half a module.
      loaded.delete(name);
      throw error;
    }
    return module.exports;
  }

  return { names: [...modules], load, close: parts.close };
}

/** Compiles a module; in stacks its name stands behind that of the bundle. */
export function compileModule(
  name: string,
  { bundle, text }: { bundle: string; text: Buffer },
): (module: Module, require: Require) => void {
  const run = compileFunction(text.toString('latin1'), GIVEN, { filename: `${bundle}:${name}` });
  return (module, require) => run(module.exports, require, module, bundle, path.dirname(bundle));
}

/**
 * The parts of the bundle that are the program: modules that require each other, each compiled when it is first asked
 * for.
 */
import path from 'node:path';
import { compileFunction } from 'node:vm';
import { unpack, withParts } from './bundle-parts.ts';

/** How modules name each other; the other parts are read by those who need them. */
const MODULE = './';

/** What Node.js gives a CommonJS module. */
const GIVEN = ['exports', 'require', 'module', '__filename', '__dirname'];

interface Module {
  exports: unknown;
}

type Require = (name: string) => unknown;

/**
 * Reads the modules of the bundle. What has not been asked for stays packed in memory, some 0.5 MiB: an agent must not
 * find modules of another version after its file has been replaced.
 * @param requireOther for what is not in the bundle: Node.js's own modules.
 */
export function openModules(
  bundle: string,
  requireOther: Require,
): { names: string[]; load(name: string): unknown } {
  const packed = withParts(bundle, ({ names, read }) => {
    const modules = names.filter((name) => name.startsWith(MODULE));
    return new Map(modules.map((name) => [name, read(name)]));
  });
  const loaded = new Map<string, Module>();

  function load(name: string): unknown {
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;
    const text = packed.get(name);
    if (text === undefined) return requireOther(name);
    const module: Module = { exports: {} };
    // Before it runs: modules may need each other.
    loaded.set(name, module);
    try {
      compileModule(name.slice(MODULE.length), { bundle, text: unpack(text) })(module, load);
    } catch (error) {
      // As in Node.js: who asks again gets the error again, and not half a module.
      loaded.delete(name);
      throw error;
    }
    packed.delete(name);
    return module.exports;
  }

  return { names: [...packed.keys()], load };
}

/** Compiles a module; in stacks its name stands behind that of the bundle. */
export function compileModule(
  name: string,
  { bundle, text }: { bundle: string; text: Buffer },
): (module: Module, require: Require) => void {
  const run = compileFunction(text.toString('latin1'), GIVEN, { filename: `${bundle}:${name}` });
  return (module, require) => run(module.exports, require, module, bundle, path.dirname(bundle));
}

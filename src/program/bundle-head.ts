/**
 * The head of dist/scanferry.cjs, the only code that Node.js itself finds there.
 *
 * Node.js keeps the text of a file for as long as one function of it lives, and this one is 4 MB: so nothing here is
 * needed again once the part `loader` runs.
 */
import { readPart } from './bundle-parts.ts';
import { compileModule } from './part-modules.ts';

compileModule('loader', { bundle: __filename, text: readPart('loader') })({ exports: {} }, require);

/**
 * The head of dist/scanferry.cjs, the only code that Node.js itself finds there.
 *
 * Node.js keeps the text of a file for as long as one function of it lives, and this one is 4 MB: so nothing here is
 * needed again once the part `loader` runs.
 */
import { openParts } from './bundle-parts.ts';
import { compileModule } from './part-modules.ts';

const parts = openParts(__filename);
const text = parts.read('loader');
parts.close();
compileModule('loader', { bundle: __filename, text })({ exports: {} }, require);

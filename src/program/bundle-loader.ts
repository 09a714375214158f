/** The part `loader` of dist/scanferry.cjs: runs the program out of the other parts. */
import { openModules } from './part-modules.ts';

openModules(__filename, require).load('./main.js');

/** The diagnosis of the site. */
import type { DoctorLine } from '../../doctor/types.ts';
import { worst } from '../../health/metric.ts';
import type { Grade } from '../../health/types.ts';
import { doctorRequest } from '../protocol.ts';
import { command } from './command.ts';

export interface DoctorResult {
  /** The worst of the lines. */
  grade: Grade;
  lines: DoctorLine[];
}

export const DOCTOR_COMMANDS = {
  /** Looks at everything; `doctor-lines` of the control socket tells each line as it is known. */
  doctor: command(doctorRequest, async (deps, input): Promise<DoctorResult> => {
    const lines: DoctorLine[] = [];
    for await (const line of deps.diagnose(input, new AbortController().signal)) lines.push(line);
    return { grade: worst(lines.map(({ grade }) => grade)), lines };
  }),
};

/** `scanferry devices password`: a login whose password fits the device, stored by the box and printed once. */
import { openSecretStore } from '../config/secret-store.ts';
import { PROBLEMS as CONTROL_PROBLEMS } from '../control/problems.ts';
import { wrapText } from '../core/break-lines.ts';
import { OperatorError } from '../core/errors.ts';
import { suitablePassword } from '../profiles/passwords.ts';
import type { DeviceProfile } from '../profiles/types.ts';
import type { CliContext } from './context.ts';
import { usage } from './filter.ts';
import { PROBLEMS } from './problems.ts';

const ID = /^[a-z0-9-]{1,64}$/;

export async function givePassword(
  context: CliContext,
  id: string,
  options: { profile?: string },
): Promise<void> {
  if (!ID.test(id)) throw usage('devices', 'The id of a device has lower-case letters, digits and hyphens.');
  const profile = await profileOf(context, id, options.profile);
  const limits = profile?.limits;
  const password = suitablePassword(limits);
  const user = id.slice(0, limits?.userMax ?? id.length);
  openSecretStore(context.dataDir()).write(id, password);
  if (context.asJson()) return context.output.json({ id, user, password, profile: profile?.id ?? null });
  context.output.line(
    [
      `User name  ${user}`,
      `Password   ${password}`,
      '',
      wrapText(
        `${whyThatLong(profile, password)} It is shown this once and kept as the secret ${id}. In the config, the entry of the device needs this line; \`scanferry reload\` then puts it in force:`,
        0,
      ),
      `    login: { user: ${user}, password: { secret: ${id} } }`,
    ].join('\n'),
  );
}

/** The one that is named, or that the running agent has for the device. */
async function profileOf(
  context: CliContext,
  id: string,
  named: string | undefined,
): Promise<DeviceProfile | null> {
  const profiles = context.profiles();
  if (named !== undefined) {
    const profile = profiles.get(named);
    if (profile === undefined) throw new OperatorError(PROBLEMS.noSuchProfile(named, ''), { exitCode: 2 });
    return profile;
  }
  try {
    const { profile, likely } = await context.client().call('devices.show', { device: id });
    return profiles.get(profile ?? likely ?? '') ?? null;
  } catch (error) {
    // A password without a known profile is a plain one, which nearly every device holds.
    if (error instanceof OperatorError && MAY_LACK.has(error.explanation.code)) return null;
    throw error;
  }
}

const MAY_LACK: ReadonlySet<string> = new Set([CONTROL_PROBLEMS.notRunning('', '').code, 'devices.unknown']);

function whyThatLong(profile: DeviceProfile | null, { length }: string): string {
  const { passwordMax } = profile?.limits ?? {};
  const short = length < 8 ? ' Few characters are easy to guess: prefer to send without a login.' : '';
  return profile === null || passwordMax === undefined
    ? `It has ${length} letters and digits, which nearly every device holds.`
    : `It fits the ${passwordMax} characters of the field (${profile.title}).${short}`;
}

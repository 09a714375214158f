/** Buttons of Home Assistant: unsigned, so only two harmless ones, only where the site's config obeys them, and seldom. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { IncomingMessage } from './broker-types.ts';
import type { CommandRequest } from './commands.ts';
import { BUTTON_PAYLOAD, BUTTONS } from './home-assistant.ts';
import type { MqttSettings } from './settings.ts';

export interface ButtonsDeps {
  clock: Clock;
  log: Log;
  settings: Pick<MqttSettings, 'homeAssistant' | 'homeAssistantButtons' | 'testRecipient'>;
  obey(request: CommandRequest): Promise<void>;
}

export interface Buttons {
  readonly areObeyed: boolean;
  press(name: string, message: IncomingMessage): void;
}

export function createButtons({ clock, log, settings, obey }: ButtonsDeps): Buttons {
  const areObeyed = settings.homeAssistant && settings.homeAssistantButtons;
  let pressedAt: number[] = [];

  function isTooOften(): boolean {
    const now = clock.monotonicMs();
    pressedAt = pressedAt.filter((at) => now - at < 60_000);
    if (pressedAt.length >= LIMITS.buttonPressesPerMinuteMax) return true;
    pressedAt.push(now);
    return false;
  }

  return {
    areObeyed,
    press(name, { retain, payload }) {
      const button = BUTTONS.find((each) => each === name);
      const isPress = areObeyed && !retain && payload.toString('utf8') === BUTTON_PAYLOAD;
      if (button === undefined || !isPress) return;
      if (isTooOften()) return log.warn('mqtt.button-ignored', { button });
      const args = button === 'send-test' && settings.testRecipient ? { to: [settings.testRecipient] } : {};
      obey({ verb: button, args, by: 'home-assistant' }).catch((error: unknown) =>
        log.error('mqtt.button-failed', { button, error: describeError(error) }),
      );
    },
  };
}

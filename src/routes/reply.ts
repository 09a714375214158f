/** Reads one SMTP reply into its parts (RFC 5321 section 4.2, RFC 2034). */
import { LIMITS } from '../core/limits.ts';
import type { Reply } from '../core/outcome.ts';

/** Code of a reply that is none: garbage, or a line cut in the middle. */
export const UNREADABLE_CODE = 0;

/** A tab between code and text is no rule, but nodemailer goes on with it. */
const REPLY_LINE = /^([2-5]\d\d)(?:[ \t-](?:([245]\.\d{1,3}\.\d{1,3})(?![\d.]))?|$)/;

/** @param text every line as received, without the final line end; kept up to LIMITS.replyTextMax. */
export function parseReply(text: string): Reply {
  const [, code, enhanced] = REPLY_LINE.exec(text) ?? [];
  return {
    code: code === undefined ? UNREADABLE_CODE : Number(code),
    // Where the first line has none, one that follows may.
    enhanced: enhanced ?? enhancedCodes(text)[0] ?? null,
    text: cutReplyText(text),
  };
}

/** The enhanced status code of each line that has one. */
export function enhancedCodes(text: string): string[] {
  return text.split('\n').flatMap((line) => REPLY_LINE.exec(line)?.[2] ?? []);
}

/** Done as asked: the first digit decides (RFC 5321 section 4.2.1). */
export function isPositive({ code }: Reply): boolean {
  return code >= 200 && code < 300;
}

/** A server may say at any time that it closes the connection (RFC 5321 section 3.8). */
export function isClosing({ code }: Reply): boolean {
  return code === 421;
}

/**
 * The text may follow, to DATA: 354. nodemailer goes on after a 2xx, too, which may as well be the late answer to another
 * command, and would leave the one to DATA for the final dot.
 */
export function isGoAhead({ code }: Reply): boolean {
  return code >= 300 && code < 400;
}

function cutReplyText(text: string): string {
  if (text.length <= LIMITS.replyTextMax) return withoutControls(text);
  return `${withoutControls(text.slice(0, LIMITS.replyTextMax - 1))}…`;
}

/** Replies are shown on terminals: control characters other than line ends become question marks. */
function withoutControls(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '?');
}

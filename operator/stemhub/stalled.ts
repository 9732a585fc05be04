import { TerminalError } from "../runtime/errors.ts";

/**
 * A trouble that no retry can mend and a person can: it becomes the conditions Ready False and Stalled True.
 * The message says what happened, where, and what to do.
 */
export class StalledError extends TerminalError {
  override name = "StalledError";
  /** One CamelCase word for the conditions. */
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** An answer that cannot be used: `reason` in one word, the message for people. The former good one stays. */
export class AnswerRefused extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

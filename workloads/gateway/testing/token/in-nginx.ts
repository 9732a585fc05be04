import { type Case, decideCase } from "./case.ts";

/** What is asked of njs' request here: the whole type is known to the gateway's own handlers alone. */
interface AskedRequest {
  readonly requestText?: string;
  return(status: number, body: string): void;
}

/** Answers a case, which is the request's body, with what njs decides. */
async function decide(r: AskedRequest): Promise<void> {
  const given = JSON.parse(r.requestText ?? "") as Case;
  const then = await decideCase(given);
  r.return(200, then);
}

export default { decide };

/** What is signed. */
export interface SignedRequest {
  readonly method: string;
  /** As it is sent: percent-encoded by `encodeKey`. */
  readonly path: string;
  /** Headers that are signed, by their names in small letters and in their order; `host` and `x-amz-date` among them. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** SHA-256 of the body in hex. */
  readonly payloadHash: string;
}

/** By what it is signed, and when. */
export interface Signer {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  readonly service: string;
  /** `20130524T000000Z`; S3 refuses what is more than 15 minutes off. */
  readonly date: string;
}

/** SHA-256 of no body. */
export const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/**
 * The header Authorization of a request without a query, by AWS' Signature Version 4.
 *
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export async function authorization(request: SignedRequest, signer: Signer): Promise<string> {
  const names = request.headers.map((header) => header[0]).join(";");
  const lines = request.headers.map((header) => `${header[0]}:${header[1]}\n`).join("");
  const canonical = [request.method, request.path, "", lines, names, request.payloadHash].join("\n");
  const day = signer.date.slice(0, 8);
  const scope = `${day}/${signer.region}/${signer.service}/aws4_request`;
  const hash = await crypto.subtle.digest("SHA-256", Buffer.from(canonical));
  const text = ["AWS4-HMAC-SHA256", signer.date, scope, hex(hash)].join("\n");
  const ofDay = await hmac(Buffer.from(`AWS4${signer.secretAccessKey}`), day);
  const ofRegion = await hmac(ofDay, signer.region);
  const ofService = await hmac(ofRegion, signer.service);
  const key = await hmac(ofService, "aws4_request");
  const signature = await hmac(key, text);
  const credential = `${signer.accessKeyId}/${scope}`;
  return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${hex(signature)}`;
}

/** A moment (ms since 1970) as the signature says it. */
export function amzDate(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
}

/** A key as it stands in a path: all but letters, digits and - . _ ~ / percent-encoded, once. */
export function encodeKey(key: string): string {
  return encodeURIComponent(key)
    .replace(/%2F/g, "/")
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

async function hmac(key: ArrayBuffer | Uint8Array<ArrayBuffer>, text: string): Promise<ArrayBuffer> {
  const algorithm = { name: "HMAC", hash: "SHA-256" } as const;
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return crypto.subtle.sign({ name: "HMAC" }, imported, Buffer.from(text));
}

function hex(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString("hex");
}

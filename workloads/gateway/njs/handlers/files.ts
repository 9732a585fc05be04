// biome-ignore lint/style/useNodejsImportProtocol: njs knows it by this name alone.
import fs from "fs";
import { amzDate, authorization, emptyHash, encodeKey } from "../files/sigv4.ts";
import { problemOf } from "../problem.ts";
import { currentMode, recall } from "./shared.ts";

/** Of spec.storage what is needed here, by js_preload_object. */
declare const stemhub_storage: {
  readonly host: string;
  readonly bucket: string;
  readonly region: string;
  readonly notice: string;
};

/** Where the credentials are mounted: in this container alone. Read each time, so that new ones count at once. */
const credentials = "/etc/stemhub/storage-credentials";

/** $stemhub_object: the path of the object that is asked for, in the storage; empty where the request names none. */
export function object(r: NginxHTTPRequest): string {
  const key = r.uri.slice(1);
  // A bucket or a folder is no object: S3 would list it.
  if (key === "" || key.endsWith("/")) return "";
  return `/${stemhub_storage.bucket}/${encodeKey(key)}`;
}

/** $stemhub_signature: the header Authorization of that object's GET, now; $stemhub_signed_at is then the moment of it. */
export async function signature(r: NginxHTTPRequest): Promise<void> {
  const date = amzDate(Date.now());
  const headers = [
    ["host", stemhub_storage.host],
    ["x-amz-content-sha256", emptyHash],
    ["x-amz-date", date],
  ] as const;
  const request = { method: "GET", path: object(r), headers, payloadHash: emptyHash };
  const signed = await authorization(request, {
    accessKeyId: read("accessKeyId"),
    secretAccessKey: read("secretAccessKey"),
    region: stemhub_storage.region,
    service: "s3",
    date,
  });
  r.variables.stemhub_signed_at = date;
  r.setReturnValue(signed);
}

/** Answers a request for a file that the storage does not give and the cache does not have. */
export function storageAway(r: NginxHTTPRequest): void {
  const problem = problemOf(currentMode(), "storage", stemhub_storage.notice);
  const told = /\bstorage=/.test(recall("state") ?? "");
  r.headersOut["Content-Type"] = "application/problem+json";
  r.headersOut["Cache-Control"] = "no-store";
  r.headersOut["Retry-After"] = String(problem.retryAfterSeconds);
  r.return(503, JSON.stringify(told ? problem : Object.assign(problem, { mode: "Degraded" })));
}

function read(name: string): string {
  return fs.readFileSync(`${credentials}/${name}`).toString();
}

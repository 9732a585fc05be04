import { describe, expect, test } from "vitest";
import { amzDate, authorization, emptyHash, encodeKey } from "./sigv4.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, and the suite of aws-c-auth. */
describe("AWS' published signatures come out", () => {
  test("S3: GET Object", async () => {
    const headers = [
      ["host", "examplebucket.s3.amazonaws.com"],
      ["range", "bytes=0-9"],
      ["x-amz-content-sha256", emptyHash],
      ["x-amz-date", "20130524T000000Z"],
    ] as const;
    const signer = {
      accessKeyId: "AKIAIOSFODNN7EXAMPLE",
      secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
      region: "us-east-1",
      service: "s3",
      date: "20130524T000000Z",
    };
    const request = { method: "GET", path: "/test.txt", headers, payloadHash: emptyHash };
    expect(await authorization(request, signer)).toBe(
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, " +
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, " +
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
  });

  test.each([
    ["get-vanilla", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
    [
      "get-unreserved",
      "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
      "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ],
    ["get-utf8", "/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"],
    ["get-space", "/example space/", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"],
    ["get-slashes-unnormalized", "//example//", "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5"],
  ])("%s", async (_, key, signature) => {
    const headers = [
      ["host", "example.amazonaws.com"],
      ["x-amz-date", "20150830T123600Z"],
    ] as const;
    const signer = {
      accessKeyId: "AKIDEXAMPLE",
      secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
      region: "us-east-1",
      service: "service",
      date: amzDate(Date.UTC(2015, 7, 30, 12, 36)),
    };
    const signed = await authorization(
      { method: "GET", path: encodeKey(key), headers, payloadHash: emptyHash },
      signer,
    );
    expect(signed).toMatch(new RegExp(`Signature=${signature}$`));
  });
});

test.each([
  ["stems/a b.wav", "stems/a%20b.wav"],
  ["a+b=c&d?e#f%g", "a%2Bb%3Dc%26d%3Fe%23f%25g"],
  ["(1)*!'", "%281%29%2A%21%27"],
  ["Größe/日本", "Gr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC"],
])("a key %s stands in a path as %s", (key, path) => expect(encodeKey(key)).toBe(path));

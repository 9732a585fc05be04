import { z } from "zod";
import { field, matching } from "./primitives.ts";

/** Of a route: that its files come from the object storage. */
export const filesSchema = z
  .object({
    prefix: z
      .string()
      .max(256)
      .default("")
      .meta(
        field("Put before the rest of the path to make the object's key: stems/.", [
          matching(
            "^([A-Za-z0-9._~-]+/)*$",
            "gateway.routes.files.prefix must be folders of letters, digits and . _ ~ -, each with / at its end: write it like stems/",
          ),
          {
            rule: "!self.split('/').exists(s, s == '.' || s == '..')",
            message: "gateway.routes.files.prefix may not have . or .. as a folder: write where the objects are",
          },
        ]),
      ),
    cacheSeconds: z
      .int()
      .min(1)
      .max(31_536_000)
      .default(300)
      .meta(
        field(
          "For how many seconds a file is taken as it was before the storage is asked again. High where a key's content never changes.",
        ),
      ),
  })
  .meta(
    field(
      "The route is answered by the gateway with objects of spec.storage, for GET and HEAD: whoever may use the route may read each of them.",
    ),
  );

import { z } from "zod";
import { field } from "./primitives.ts";

/** Hours, minutes and seconds, so few digits that their sum cannot overflow. */
const form = "^([0-9]{1,5}h)?([0-9]{1,7}m)?([0-9]{1,9}s)?$";

/** How the certificates are kept that the StemHub's own authority signs. */
export const certificatesSchema = z
  .object({
    lifetime: z
      .string()
      .max(25)
      .default("2160h")
      .meta(
        field(
          "How long a certificate holds, 5m to 87600h. It is renewed when a third of that is left, or 150 s where that is more; a shorter lifetime takes effect at once.",
          [
            {
              rule: `size(self) > 0 && self.matches('${form}') && duration(self) >= duration('5m') && duration(self) <= duration('87600h')`,
              message:
                "certificates.lifetime must be hours, minutes and seconds, from 5m to 87600h (ten years): write it like 2160h or 90m",
            },
          ],
        ),
      ),
  })
  .meta(
    field(
      "Certificates of the StemHub's own authority: those of the database, and the gateway's unless gateway.tls names another. Renewed without a restart.",
    ),
  );

// Verifies webhooks of Diffy by the library of the Standard Webhooks specification.
// Reads {"secret": ..., "headers": {...}, "body": "..."} from each line of standard input, and
// prints for each the type of the message, or null if it is not from Diffy.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  let type = null;
  try {
    type = new Webhook(secret).verify(body, headers).type;
  } catch {
    // A wrong signature, or a message that is older than five minutes.
  }
  console.log(JSON.stringify(type));
}

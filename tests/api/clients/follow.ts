// What a program does with a client that @hey-api/openapi-ts generates: it registers a site, follows
// its discovery, crawls a page that has changed, and reads the change.
import {
  changesGet,
  changesListAll,
  domainsAdd,
  jobEventsFollow,
  jobsGet,
  pagesCrawl,
  pagesGet,
  pagesListOfDomain,
} from "./generated";
import { client } from "./generated/client.gen";
import type { JobDetail, JobState } from "./generated/types.gen";

declare const process: { argv: string[] };

const [origin, key, site] = process.argv.slice(2);
client.setConfig({ baseUrl: origin, auth: key });

function given<T>(data: T | undefined): T {
  if (data === undefined) throw new Error("no data");
  return data;
}

/** The states that the job went through, as its events tell. */
async function states(jobId: string): Promise<JobState[]> {
  const { stream } = await jobEventsFollow({ path: { job_id: jobId } });
  const seen: JobState[] = [];
  for await (const event of stream) {
    const { state } = event as JobDetail;
    if (seen[seen.length - 1] !== state) seen.push(state);
    if (state === "completed" || state === "failed") break;
  }
  return seen;
}

async function main(): Promise<void> {
  const options = { body: { domain: site } };
  const headers = { "Idempotency-Key": "once" };
  const added = given((await domainsAdd({ ...options, headers })).data).data;
  const repeated = given((await domainsAdd({ ...options, headers })).data).data;
  await states(added.discoveryJobId);

  const found = given((await pagesListOfDomain({ path: { domain_id: added.id } })).data).data;
  const path = { page_id: found[0].id };
  const started = given((await pagesCrawl({ path, body: { maxAttempts: 2 } })).data).data;
  const crawl = await states(started.jobId);

  const job = given((await jobsGet({ path: { job_id: started.jobId } })).data).data;
  const changes = given((await changesListAll({ query: { domainId: added.id, limit: 5 } })).data);
  const change = given((await changesGet({ path: { change_id: changes.data[0].id } })).data).data;
  const missing = await pagesGet({ path: { page_id: "00000000-0000-4000-8000-000000000000" } });

  console.log(JSON.stringify({
    repeated: repeated.id === added.id,
    pages: found.map((page) => page.url),
    last: crawl[crawl.length - 1],
    attempts: [job.attemptsMade, job.maxAttempts],
    changes: changes.meta.total,
    summary: change.summary,
    percent: change.prices[0].percent,
    error: missing.error?.code,
  }));
}

void main();

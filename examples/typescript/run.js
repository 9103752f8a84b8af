// Discovers the pages of registered domains as children of a TypeScript workflow.
//
//     npm ci && node run.js TEMPORAL_ADDRESS DOMAIN_ID...
//
// prints a line for each domain: the job's id and its result, or the type of its error.

import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

const TASK_QUEUE = 'market-research-typescript';

const [address, ...domainIds] = process.argv.slice(2);
Runtime.install({ logger: new DefaultLogger('ERROR') });
const connection = await NativeConnection.connect({ address });
try {
  const worker = await Worker.create({
    connection,
    taskQueue: TASK_QUEUE,
    workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
  });
  const client = new Client({ connection });
  await worker.runUntil(async () => {
    for (const domainId of domainIds) {
      const jobId = `research-${randomUUID()}`;
      const result = await client.workflow.execute('researchCompetitor', {
        args: [domainId, jobId],
        workflowId: `research-competitor-${randomUUID()}`,
        taskQueue: TASK_QUEUE,
      });
      console.log(JSON.stringify({ jobId, result }));
    }
  });
} finally {
  await connection.close();
}

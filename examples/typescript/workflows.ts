import { executeChild } from '@temporalio/workflow';
import { ApplicationFailure, ChildWorkflowFailure } from '@temporalio/common';

/** What `discover.pages` answers, as docs/reference/workflows.md promises it. */
interface Discovery {
  pagesDiscovered: number;
  pagesAdded: number;
  pagesKnown: number;
  urlsSeen: number;
  leftOut: Record<string, number>;
  baselines?: number;
}

interface Failed {
  error: string | null | undefined;
  reason: string;
}

/** Looks at a competitor; finding the pages of its site comes first. */
export async function researchCompetitor(domainId: string, childId: string): Promise<Discovery | Failed> {
  try {
    const discover = 'discover.pages';
    return await executeChild(discover, {
      args: [{ domainId, maxPages: 200, maxDepth: 3 }],
      workflowId: childId,
      taskQueue: 'diffy',
    });
  } catch (error) {
    if (error instanceof ChildWorkflowFailure && error.cause instanceof ApplicationFailure) {
      return { error: error.cause.type, reason: error.cause.message };
    }
    throw error;
  }
}

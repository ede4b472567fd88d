/**
 * What the page offers. A panel joins with one entry here: it is shown where the server has what
 * it needs, and nowhere else.
 */

import type { FunctionComponent } from "preact";
import { ReferencePanel } from "../reference/panel";
import { hasPath, TRANSCRIPTIONS } from "../server/abilities";
import type { ModelCard } from "../server/connection";
import type { OpenApi } from "../server/openapi";
import { TranscribePanel } from "../transcribe/panel";

export interface ServerProps {
  readonly models: readonly ModelCard[];
  readonly document: OpenApi;
}

export interface Panel {
  readonly id: string;
  readonly title: string;
  readonly isOffered: (server: ServerProps) => boolean;
  readonly Component: FunctionComponent<ServerProps>;
}

export const PANELS: readonly Panel[] = [
  {
    id: "transcribe",
    title: "Transcribe",
    isOffered: ({ document }) => hasPath(document, TRANSCRIPTIONS),
    Component: TranscribePanel,
  },
  {
    id: "reference",
    title: "API reference",
    isOffered: () => true,
    Component: ReferencePanel,
  },
];

/// <reference types="@solidjs/start/env" />

interface ImportMetaEnv {
  readonly VITE_REGION: string;
}

declare var instrumentation: Record<string, unknown> | undefined;

/// <reference types="@solidjs/start/env" />

declare var instrumentation: Record<string, unknown> | undefined;

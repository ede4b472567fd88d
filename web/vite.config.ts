import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds the API. */
const server = "http://127.0.0.1:8000";

export default defineConfig({
  build: {
    outDir: "../src/auricle/server/playground",
    emptyOutDir: true,
    assetsDir: "static",
    assetsInlineLimit: 0, // the content security policy knows files, no data: scripts or fonts
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  esbuild: { legalComments: "none" },
  server: {
    proxy: { "/v1": server, "/openapi.json": server, "/health": server, "/metrics": server },
  },
  test: { include: ["tests/**/*.test.ts"] },
});

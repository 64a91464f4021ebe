module.exports = {
  apps: [
    {
      name: "app",
      script: ".output/server/index.mjs",
      exec_mode: "fork",
      // Else PM2 has a handler of uncaught errors beside Sentry's. Each leaves the exit to the other, and a server that
      // failed to start stays up, deaf.
      pmx: false,
      env: { NODE_ENV: "production" },
    },
  ],
};

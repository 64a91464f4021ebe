module.exports = {
  apps: [
    {
      name: "app",
      script: ".output/server/index.mjs",
      exec_mode: "fork",
      env: { NODE_ENV: "production" },
    },
  ],
};

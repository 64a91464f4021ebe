// Ends the group of a script whose presentry is gone: SIGKILL gives that no time to end it. `presentry` is its process id.
{
  const isChild = process.ppid === presentry;
  const isGone = () => {
    // A process that was killed keeps its number until its parent takes note, but it has no children any more.
    if (isChild && process.ppid !== presentry) return true;
    try {
      process.kill(presentry, 0);
      return false;
    } catch (error) {
      return error.code === "ESRCH";
    }
  };
  const end = () => process.kill(process.platform === "win32" ? process.pid : 0, "SIGKILL");
  setInterval(() => isGone() && end(), 500).unref();
}

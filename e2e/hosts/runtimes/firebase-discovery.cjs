// Prints what would be deployed, as JSON: firebase-functions' own loader on the directory of the functions. Its `bin`
// does the same and answers over HTTP.
const [loader, directory] = process.argv.slice(2);

// What the build prints while it is loaded must not be taken for the answer.
const print = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

require(loader)
  .loadStack(directory)
  .then(
    (stack) => print(JSON.stringify(stack), () => process.exit(0)),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );

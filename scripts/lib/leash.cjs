// Loaded into a server that a script started (node --require): the channel to the script closes when the script is gone, however it
// ended, and the server then stops in good order. Nothing that a script started is left behind.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();

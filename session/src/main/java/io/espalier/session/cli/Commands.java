package io.espalier.session.cli;

import org.jspecify.annotations.Nullable;

/** Which commands there are. One is made only when it is named. */
enum Commands {
    DEMO("demo", "loads the classes of the running JDK, changes them, and checks every one"),
    UPSERT("upsert", "applies a stream of puts and deletes, in durable epochs"),
    GET("get", "prints the value of a key; exit 1 if it is absent"),
    SCAN("scan", "prints rows in key order, now or as of an epoch"),
    CHANGES("changes", "prints what changed, epoch by epoch"),
    STATS("stats", "shows what is inside a store"),
    VERIFY("verify", "reads and checks every byte of a store; exit 1 if it is damaged"),
    COMPACT("compact", "brings every table to a single run"),
    DEBUG_SPINE("debug spine", "feeds a spine a script of commands, and prints what it does");

    /** The first word of the commands that feed one part of the engine by itself. */
    static final String DEBUG = "debug";

    private final String commandName;
    private final String summary;

    Commands(String commandName, String summary) {
        this.commandName = commandName;
        this.summary = summary;
    }

    String commandName() {
        return commandName;
    }

    String summary() {
        return summary;
    }

    static @Nullable Commands named(String name) {
        for (Commands command : values()) {
            if (command.commandName.equals(name)) {
                return command;
            }
        }
        return null;
    }

    Command create() {
        return switch (this) {
            case DEMO -> new DemoCommand();
            case UPSERT -> new UpsertCommand();
            case GET -> new GetCommand();
            case SCAN -> new ScanCommand();
            case CHANGES -> new ChangesCommand();
            case STATS -> new StatsCommand();
            case VERIFY -> new VerifyCommand();
            case COMPACT -> new CompactCommand();
            case DEBUG_SPINE -> new DebugSpineCommand();
        };
    }
}

package io.espalier.session.cli;

/** How a command ends, for scripts. */
final class ExitCode {

    /** What was asked is done. */
    static final int DONE = 0;

    /** It is done, and the answer is no: the key is absent, the store is damaged. */
    static final int NO = 1;

    /** The command line or the input is wrong. Nothing is half-applied. */
    static final int WRONG_INPUT = 2;

    /** The environment failed: disk full, permission, lock. */
    static final int ENVIRONMENT = 3;

    private ExitCode() {}
}

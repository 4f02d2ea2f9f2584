package io.espalier.jmh;

/** Arguments that cannot be run; the message says in one line which, and what there is. */
final class UsageException extends Exception {

    UsageException(String message) {
        super(message);
    }
}

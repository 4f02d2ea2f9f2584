package io.espalier.spine.trace;

/** File names that carry a number. */
final class Names {

    static final String BATCH_FOLDER = "batches";
    static final String LOCK = "LOCK";
    static final String COMPACTION_FOLDER = "compactions";

    private static final String BATCH_SUFFIX = ".batch";
    private static final int BATCH_DIGITS_MIN = 10;

    private static final String REQUEST_SUFFIX = ".request";
    private static final String OUTPUT_SUFFIX = ".out";
    private static final String ATTEMPT_SUFFIX = ".part";

    private Names() {}

    static String batch(long fileId) {
        return BATCH_FOLDER + "/" + batchBaseName(fileId);
    }

    private static String batchBaseName(long fileId) {
        // not by a format: opening a store makes the names of all its files
        String digits = Long.toString(fileId);
        return "0".repeat(Math.max(0, BATCH_DIGITS_MIN - digits.length())) + digits + BATCH_SUFFIX;
    }

    /** The id in the name of a file of the batch folder, or -1 if it is not one of a batch. */
    static long batchId(String baseName) {
        long id = number(baseName, "", BATCH_SUFFIX);
        return id >= 0 && baseName.equals(batchBaseName(id)) ? id : -1;
    }

    /** Where the owner of a store writes down what it asks others to compact. */
    static String compactionRequest(long fileId) {
        return COMPACTION_FOLDER + "/" + fileId + REQUEST_SUFFIX;
    }

    /** Where others leave a whole output. */
    static String compactionOutput(long fileId) {
        return COMPACTION_FOLDER + "/" + fileId + OUTPUT_SUFFIX;
    }

    /** Where an output is written. */
    static String compactionAttempt(long fileId, String attempt) {
        return COMPACTION_FOLDER + "/" + fileId + "-" + attempt + ATTEMPT_SUFFIX;
    }

    /** The id in the name of a file of the compaction folder, or -1 if it is none of ours. */
    static long compactionId(String baseName) {
        if (baseName.endsWith(ATTEMPT_SUFFIX) && baseName.indexOf('-') > 0) {
            return number(baseName.substring(0, baseName.indexOf('-') + 1), "", "-");
        }
        long request = number(baseName, "", REQUEST_SUFFIX);
        return request >= 0 ? request : number(baseName, "", OUTPUT_SUFFIX);
    }

    /** The decimal number between a prefix and a suffix, or -1. */
    static long number(String name, String prefix, String suffix) {
        if (name.length() <= prefix.length() + suffix.length()
                || !name.startsWith(prefix)
                || !name.endsWith(suffix)) {
            return -1;
        }
        String digits = name.substring(prefix.length(), name.length() - suffix.length());
        if (digits.length() > 18) {
            return -1;
        }
        for (int i = 0; i < digits.length(); i++) {
            if (digits.charAt(i) < '0' || digits.charAt(i) > '9') {
                return -1;
            }
        }
        return Long.parseLong(digits);
    }

    /** What a file system or a person puts into any folder; none of a store's business. */
    static boolean isIgnored(String name) {
        return name.startsWith(".") || name.equals("lost+found/");
    }
}

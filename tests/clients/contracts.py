"""Which keys each event's answer takes, written down apart from the tables that are tested."""

_CLAUDE_TOP = (
    "continue suppressOutput stopReason decision systemMessage terminalSequence reason "
    "hookSpecificOutput"
)
_CODEX_PLAIN = "continue stopReason suppressOutput systemMessage"
_CODEX_CONTEXT = f"{_CODEX_PLAIN} hookSpecificOutput"
_CODEX_DECISION = f"{_CODEX_CONTEXT} decision reason"
_CONTEXT = "hookEventName additionalContext"
_DENY = f"{_CONTEXT} permissionDecision permissionDecisionReason updatedInput"

# (client, event): keys of the answer, keys of its hookSpecificOutput
KEYS = {
    ("claude", "SessionStart"): (_CLAUDE_TOP, f"{_CONTEXT} sessionTitle watchPaths"),
    ("claude", "UserPromptSubmit"): (_CLAUDE_TOP, f"{_CONTEXT} sessionTitle"),
    ("claude", "PreToolUse"): (_CLAUDE_TOP, _DENY),
    ("claude", "PermissionRequest"): (_CLAUDE_TOP, "hookEventName decision"),
    ("claude", "PostToolUse"): (_CLAUDE_TOP, f"{_CONTEXT} updatedToolOutput"),
    ("claude", "PostToolUseFailure"): (_CLAUDE_TOP, _CONTEXT),
    ("claude", "SubagentStart"): (_CLAUDE_TOP, _CONTEXT),
    ("codex", "SessionStart"): (_CODEX_CONTEXT, _CONTEXT),
    ("codex", "SubagentStart"): (_CODEX_CONTEXT, _CONTEXT),
    ("codex", "UserPromptSubmit"): (_CODEX_DECISION, _CONTEXT),
    ("codex", "PreToolUse"): (_CODEX_DECISION, _DENY),
    ("codex", "PostToolUse"): (_CODEX_DECISION, f"{_CONTEXT} updatedMCPToolOutput"),
    ("codex", "PermissionRequest"): (_CODEX_CONTEXT, "hookEventName decision"),
    ("gemini", "SessionStart"): ("systemMessage hookSpecificOutput", _CONTEXT),
    ("gemini", "BeforeAgent"): ("systemMessage hookSpecificOutput decision reason", _CONTEXT),
    ("gemini", "BeforeTool"): ("systemMessage decision reason", ""),
    ("gemini", "AfterTool"): ("systemMessage hookSpecificOutput decision reason", _CONTEXT),
}

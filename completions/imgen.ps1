# PowerShell completion for imgen.
Register-ArgumentCompleter -Native -CommandName imgen -ScriptBlock {
    param($word, $ast, $cursor)

    $before = @($ast.CommandElements |
        Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursor } |
        ForEach-Object {
            if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value }
            else { $_.Extent.Text }
        })
    $answer = @(& imgen _complete powershell @before "=$word" 2>$null)

    if ($answer[0] -eq ':files') {
        [System.Management.Automation.CompletionCompleters]::CompleteFilename($word)
        return
    }
    foreach ($line in $answer) {
        $offer, $help = $line -split "`t", 2
        if (-not $help) { $help = $offer }
        [System.Management.Automation.CompletionResult]::new($offer, $offer, 'ParameterValue', $help)
    }
}
